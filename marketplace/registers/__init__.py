"""Public registers as files: rosters of licences, lists of excluded persons; where they come from, what they say."""
