"""The platform without a container engine: private servers, supervised, under one state folder."""
