-- The row work makes its orders itself.
SELECT
