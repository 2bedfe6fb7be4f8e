curl -X POST "https://STATFLOW/v1/imports?filename=visits.csv" \
  -H "Authorization: Bearer sk_live_YOUR_KEY" \
  -H "Content-Type: text/csv" \
  --data-binary $'name,time,count\nvisits,1700000000,5\n'
