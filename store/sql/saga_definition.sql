-- saga_definition: saga, version. The recorded definition.
SELECT definition FROM weir.saga_definitions WHERE saga = $1::text AND version = $2::integer
