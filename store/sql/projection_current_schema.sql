-- projection_current_schema: no parameters. Where a name without a schema leads.
SELECT current_schema()
