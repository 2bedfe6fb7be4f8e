curl https://STATFLOW/v1/trash \
  -H "Authorization: Bearer sk_live_YOUR_KEY"
