-- Made after the rows, which is faster. Each serves one way in which pages are read: the columns that every scope fixes,
-- then the order. The last columns of documents_by_time are those that conditions of the policy read: whether a row is in
-- a scope is then seen in the index, and a count opens no document.
CREATE INDEX data_rooms_by_name ON data_rooms (tenant_id, name, id);
CREATE INDEX data_rooms_by_room ON data_rooms (tenant_id, id, name);
CREATE INDEX people_by_tenant ON people (tenant_id, id);
CREATE INDEX documents_by_room ON documents (tenant_id, data_room_id, updated_at DESC, id DESC);
CREATE INDEX documents_by_owner ON documents (tenant_id, owner_id, updated_at DESC, id DESC);
CREATE INDEX documents_by_class ON documents (tenant_id, classification, updated_at DESC, id DESC);
CREATE INDEX documents_by_time
    ON documents (tenant_id, updated_at DESC, id DESC, data_room_id, owner_id, classification);
CREATE INDEX invoices_by_owner ON invoices (tenant_id, owner_id, issued_at DESC, id DESC);
CREATE INDEX invoices_by_time ON invoices (tenant_id, issued_at DESC, id DESC);

CREATE VIRTUAL TABLE documents_fts USING fts5 (title, body, content = 'documents', content_rowid = 'id');

-- Searches read the words here, so they follow the rows, whoever writes them.
CREATE TRIGGER documents_fts_insert AFTER INSERT ON documents BEGIN
    INSERT INTO documents_fts (rowid, title, body) VALUES (new.id, new.title, new.body);
END;
CREATE TRIGGER documents_fts_delete AFTER DELETE ON documents BEGIN
    INSERT INTO documents_fts (documents_fts, rowid, title, body) VALUES ('delete', old.id, old.title, old.body);
END;
CREATE TRIGGER documents_fts_update AFTER UPDATE OF title, body ON documents BEGIN
    INSERT INTO documents_fts (documents_fts, rowid, title, body) VALUES ('delete', old.id, old.title, old.body);
    INSERT INTO documents_fts (rowid, title, body) VALUES (new.id, new.title, new.body);
END;

-- A document says when it was changed last, unless whoever changes it says so.
CREATE TRIGGER documents_updated AFTER UPDATE ON documents WHEN new.updated_at = old.updated_at BEGIN
    UPDATE documents SET updated_at = strftime('%Y-%m-%dT%H:%M:%fZ', 'now') WHERE id = new.id AND updated_at = old.updated_at;
END;
