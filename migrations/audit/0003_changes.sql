-- Of a change, the columns that were given, by name; never what they hold.
ALTER TABLE decisions ADD COLUMN changed TEXT;
