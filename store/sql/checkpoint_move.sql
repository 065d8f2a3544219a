-- checkpoint_move: subscription, generation, then arrays of the same length: topics, partitions, lanes
-- and lane, offsets and epochs as they were read, offsets to move to, positions, events. WV010 if anything
-- differs.
SELECT weir.move_checkpoints($1::text, $2::integer, $3::text[], $4::integer[], $5::integer[], $6::integer[],
                             $7::bigint[], $8::bigint[], $9::bigint[], $10::bigint[], $11::bigint[])
