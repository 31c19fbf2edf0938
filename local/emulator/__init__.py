"""The Claude API on one machine: Messages, token counts, models and Message Batches, as strict as the real one."""
