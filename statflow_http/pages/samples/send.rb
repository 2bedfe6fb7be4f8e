require "json"
require "net/http"

def post_metric(point)
  Net::HTTP.post(
    URI("https://STATFLOW/v1/stat"),
    JSON.generate(point),
    "Authorization" => "Bearer sk_live_YOUR_KEY",
    "Content-Type" => "application/json"
  ).body
end

puts post_metric({ stat: "page views", count: 1 })
puts post_metric({ stat: "response time", value: 42.5 })
