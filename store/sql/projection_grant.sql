-- projection_grant: schema, role. The statement that lets the role read all of the schema.
SELECT format('GRANT USAGE ON SCHEMA %1$I TO %2$I; GRANT SELECT ON ALL TABLES IN SCHEMA %1$I TO %2$I',
              $1::text, $2::text)
