require "json"
require "net/http"

points = [{ stat: "signups", count: 1 }, { stat: "latency", value: 42 }]
answer = Net::HTTP.post(
  URI("https://STATFLOW/v1/stats"),
  JSON.generate({ stats: points }),
  "Authorization" => "Bearer sk_live_YOUR_KEY",
  "Content-Type" => "application/json"
)
puts answer.body
