curl -G https://STATFLOW/v1/query \
  -H "Authorization: Bearer sk_live_YOUR_KEY" \
  -d "stat=*" -d "step=1d" -d "format=csv"
