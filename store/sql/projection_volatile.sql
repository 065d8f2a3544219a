-- projection_volatile: function names separated by commas. Which of them are volatile.
SELECT DISTINCT p.proname FROM pg_proc p
WHERE p.proname = ANY (string_to_array($1::text, ',')) AND p.provolatile = 'v'
