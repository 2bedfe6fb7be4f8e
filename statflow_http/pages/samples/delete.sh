curl -X DELETE "https://STATFLOW/v1/stat/my_first_metric" \
  -H "Authorization: Bearer sk_live_YOUR_KEY"
