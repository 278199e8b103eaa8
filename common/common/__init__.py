"""What every TicketRemaster service shares; knows nothing of any one of them."""
