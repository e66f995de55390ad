"""What documents become as numbers: their scores and counts, the tone of issuers and sources a day, the policy's stance, rules a month."""
