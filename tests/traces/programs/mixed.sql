-- A database in memory that is filled, changed, asked and cut: :rows says how large it gets.
CREATE TABLE item (id INTEGER PRIMARY KEY, name TEXT NOT NULL, price REAL, stock INTEGER);
CREATE TABLE sale (item INTEGER REFERENCES item(id), amount INTEGER, note TEXT);
CREATE INDEX sale_item ON sale(item);
BEGIN;
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < :rows)
INSERT INTO item SELECT i, 'item ' || i, i * 1.25, i % 13 FROM n;
COMMIT;
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 3 * :rows)
INSERT INTO sale SELECT 1 + (i * 7) % :rows, 1 + i % 5, 'sold on day ' || (i % 31) FROM n;
UPDATE item SET stock = stock - (SELECT coalesce(sum(amount), 0) FROM sale WHERE sale.item = item.id) WHERE id % 3 = 0;
SELECT count(*), sum(stock) FROM item WHERE name LIKE '%1%';
SELECT item.name, sum(amount) AS sold FROM item JOIN sale ON sale.item = item.id GROUP BY item.id ORDER BY sold DESC, name LIMIT 3;
DELETE FROM sale WHERE item IN (SELECT id FROM item WHERE stock < 0);
SELECT length(group_concat(note, '; ')) FROM sale;
VACUUM;
DROP TABLE sale;
SELECT count(*) FROM item;
