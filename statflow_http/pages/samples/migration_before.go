import "github.com/stathat/go"

stathat.PostEZCount("page views", "your_ezkey@email.com", 1)
stathat.PostEZValue("response time", "your_ezkey@email.com", 42.5)
