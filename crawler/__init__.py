"""The lab's side of the counter: sync, filter, prove, report. Also for auditors and makers on their own machine."""
