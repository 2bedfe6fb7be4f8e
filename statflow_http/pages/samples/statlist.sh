curl https://STATFLOW/x/sk_live_YOUR_KEY/statlist
