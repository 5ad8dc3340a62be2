-- claviger.db from version 2 to 3: what the keys guard.

-- Projects and templates

-- Share tokens

-- Webhooks

-- Widgets
