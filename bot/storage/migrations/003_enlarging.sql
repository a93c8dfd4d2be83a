-- Params.redraw became one of the values of Params.method.
UPDATE jobs SET params = json_set(
    json_remove(params, '$.redraw'),
    '$.method', CASE WHEN json_extract(params, '$.redraw') THEN 'redraw' ELSE 'auto' END
);
