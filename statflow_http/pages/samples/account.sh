curl https://STATFLOW/v1/account \
  -H "Authorization: Bearer sk_live_YOUR_KEY"
