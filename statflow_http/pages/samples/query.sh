curl -G https://STATFLOW/v1/query \
  -H "Authorization: Bearer sk_live_YOUR_KEY" \
  --data-urlencode "stat=page views" --data-urlencode "stat=sign*" \
  -d "step=1h" -d "tz=Europe/Berlin" \
  -d "shift=1w" -d "fill=0"
