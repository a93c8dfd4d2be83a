"""Jobs from their admission to their last reply: wait in turn, run, be delivered."""
