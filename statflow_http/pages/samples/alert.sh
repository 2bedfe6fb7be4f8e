curl -X POST https://STATFLOW/v1/alerts \
  -H "Authorization: Bearer sk_live_YOUR_KEY" \
  -H "Content-Type: application/json" \
  -d '{"stat": "page views", "kind": "value", "operator": "greater than",
       "threshold": 500, "time_window": "1h"}'
