-- Why the item that refers to the other conversation did not join the two.
ALTER TABLE merge_suggestions ADD COLUMN why TEXT NOT NULL DEFAULT 'unproven';
