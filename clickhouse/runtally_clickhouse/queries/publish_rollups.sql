-- Says that this generation of each bucket holds what was marked when its sum was `seen`. The last step of a rollup.
INSERT INTO {published:Identifier} (bucket, generation, seen, layout)
SELECT toDateTime(pair.1, 'UTC'), {generation:UInt64}, pair.2, {layout:UInt32}
FROM (SELECT arrayJoin(arrayZip({buckets:Array(UInt32)}, {seen:Array(UInt64)})) AS pair)
