-- Clients that are known by the document at the address that is their id (origin `metadata_document`): this row is the copy
-- of that document.
ALTER TABLE clients ADD COLUMN fetched_at BIGINT;
ALTER TABLE clients ADD COLUMN fresh_until BIGINT;
