"""The query files about what is gone for good, each with the relations of runs that it reads itself."""

# What is gone for good: the list that writers keep to, and the work of taking away.
OF_WITHDRAWALS: dict[str, list[str]] = {
    name: ["agent_runs"] if name in ("erase_runs", "mark_erased") else []
    for name in (
        "drop_month",
        "erase_cells",
        "erase_events",
        "erase_letters",
        "erase_runs",
        "erase_stored",
        "erase_stored_letters",
        "letters_of_subject",
        "erasure_cell_hits",
        "erasure_hits",
        "erasure_jobs",
        "erasure_letter_hits",
        "erasure_subjects",
        "mark_erased",
        "retention_horizons",
        "stored_months",
        "withdrawals_known",
    )
}
