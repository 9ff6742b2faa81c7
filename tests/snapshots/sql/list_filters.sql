SELECT t."id", t."room", t."title", t."classification", t."amount", t."done", t."updated_at", t."extra"
FROM "documents" AS t WHERE ((("t"."tenant_id" COLLATE BINARY = $1 AND typeof("t"."tenant_id") = 'text') AND 1))
  AND (t."id" = $2 OR typeof(t."id") = 'text' AND t."id" COLLATE BINARY = $3)
  AND (typeof(t."title") = 'text' AND instr(lower(t."title"), lower($4)) > 0)
  AND (typeof(t."amount") IN ('integer', 'real') AND t."amount" BETWEEN -1.7976931348623157e308 AND 1.7976931348623157e308 AND t."amount" < $5)
  AND (typeof(t."amount") IN ('integer', 'real') AND t."amount" BETWEEN -1.7976931348623157e308 AND 1.7976931348623157e308 AND t."amount" >= $6)
  AND (typeof(t."done") = 'integer' AND t."done" IN (0, 1) AND NOT (typeof(t."done") = 'integer' AND t."done" = $7))
  AND (t."updated_at" COLLATE BINARY >= $8 AND typeof(t."updated_at") = 'text' AND t."updated_at" GLOB '[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9]*' AND julianday(t."updated_at") IS NOT NULL AND strftime('%d', substr(t."updated_at", 1, 10)) = substr(t."updated_at", 9, 2) AND julianday(t."updated_at") >= julianday($9))
  AND (NOT (typeof(t."extra") = 'text' AND json_valid(t."extra")))
ORDER BY t."updated_at" COLLATE BINARY DESC, t."id" COLLATE BINARY DESC
LIMIT $10
-- $1 = "acme"
-- $2 = 1
-- $3 = "x"
-- $4 = "a\"; DROP TABLE documents; --"
-- $5 = 2.5
-- $6 = 1
-- $7 = 1
-- $8 = "2025-12-31"
-- $9 = "2026-01-01T00:00:00Z"
-- $10 = 21
