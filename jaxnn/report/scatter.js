// The score against each hyper.
