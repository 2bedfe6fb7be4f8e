<?php
$name = rawurlencode("page views");
$answer = file_get_contents("https://STATFLOW/v1/stat/$name?step=1h", false, stream_context_create([
    "http" => ["header" => "Authorization: Bearer sk_live_YOUR_KEY"],
]));
foreach (json_decode($answer, true)["points"] as $point) {
    echo "$point[time] $point[value] $point[count]\n";
}
