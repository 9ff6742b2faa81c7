SELECT t."id", t."room", t."title", t."classification", t."amount", t."done", t."updated_at", t."extra"
FROM "documents" AS t WHERE ((("t"."tenant_id" COLLATE BINARY = $1 AND typeof("t"."tenant_id") = 'text') AND 1)) AND t.rowid IN (SELECT rowid
FROM "documents_fts" WHERE "documents_fts" MATCH $2)
ORDER BY t."updated_at" COLLATE BINARY DESC, t."id" COLLATE BINARY DESC
LIMIT $3
-- $1 = "acme"
-- $2 = "{\"title\" \"body\"} : (\"\"\"quarterly\" \"budget\"\"\" \"OR\" \"x\")"
-- $3 = 21
