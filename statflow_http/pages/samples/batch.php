<?php
$points = [["stat" => "signups", "count" => 1], ["stat" => "latency", "value" => 42]];
echo file_get_contents("https://STATFLOW/v1/stats", false, stream_context_create([
    "http" => [
        "method" => "POST",
        "header" => "Authorization: Bearer sk_live_YOUR_KEY\r\nContent-Type: application/json",
        "content" => json_encode(["stats" => $points]),
    ],
]));
