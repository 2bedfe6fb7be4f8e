<?php
function post_metric(array $point): string
{
    return file_get_contents("https://STATFLOW/v1/stat", false, stream_context_create([
        "http" => [
            "method" => "POST",
            "header" => "Authorization: Bearer sk_live_YOUR_KEY\r\nContent-Type: application/json",
            "content" => json_encode($point),
        ],
    ]));
}

echo post_metric(["stat" => "page views", "count" => 1]), "\n";
echo post_metric(["stat" => "response time", "value" => 42.5]), "\n";
