INSERT OR ABORT INTO "documents" ("title", "amount", "done", "extra", "tenant_id", "room") VALUES ($1, $2, $3, NULL, $4, $5) RETURNING "id"
-- $1 = "New\"; DROP TABLE documents; --"
-- $2 = 2.5
-- $3 = 1
-- $4 = "acme"
-- $5 = "finance"
