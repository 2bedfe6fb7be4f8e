require "erb"
require "json"
require "net/http"

name = ERB::Util.url_encode("page views")
answer = Net::HTTP.get(
  URI("https://STATFLOW/v1/stat/#{name}?step=1h"),
  { "Authorization" => "Bearer sk_live_YOUR_KEY" }
)
JSON.parse(answer)["points"].each do |point|
  puts [point["time"], point["value"], point["count"]].join(" ")
end
