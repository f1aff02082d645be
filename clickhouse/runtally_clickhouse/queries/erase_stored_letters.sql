-- Takes them off the disk, once what replaces them is there.
ALTER TABLE dead_letters DELETE
WHERE
    ${OF_SUBJECT}
SETTINGS mutations_sync = 2
