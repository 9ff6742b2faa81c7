SELECT t."id", t."room", t."title", t."classification", t."amount", t."done", t."updated_at", t."extra"
FROM "documents" AS t WHERE ((("t"."tenant_id" COLLATE BINARY = $1 AND typeof("t"."tenant_id") = 'text') AND 1))
  AND ((((t."updated_at" COLLATE BINARY < $2 OR t."updated_at" COLLATE BINARY IS NULL)) OR (t."updated_at" COLLATE BINARY IS $3
  AND (t."id" COLLATE BINARY < $4))))
ORDER BY t."updated_at" COLLATE BINARY DESC, t."id" COLLATE BINARY DESC
LIMIT $5
-- $1 = "acme"
-- $2 = "yesterday"
-- $3 = "yesterday"
-- $4 = 5
-- $5 = 2
