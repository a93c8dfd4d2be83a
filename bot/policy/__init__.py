"""Who may ask, for how much and for what not: functions of rules, usage and words."""
