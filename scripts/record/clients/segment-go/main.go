// Sends the visit with Segment's Go SDK: main <url> <write key> <visit.json>
package main

import (
	"encoding/json"
	"os"
	"time"

	analytics "github.com/segmentio/analytics-go/v3"
)

type call struct {
	Type, UserId, AnonymousId, Event, Name, GroupId, PreviousId string
	Properties                                                 map[string]interface{}
	Traits                                                     map[string]interface{}
	Timestamp                                                  time.Time
}

func main() {
	client, err := analytics.NewWithConfig(os.Args[2], analytics.Config{Endpoint: os.Args[1], BatchSize: 4})
	check(err)
	text, err := os.ReadFile(os.Args[3])
	check(err)
	var calls []call
	check(json.Unmarshal(text, &calls))
	for _, c := range calls {
		check(client.Enqueue(message(c)))
	}
	check(client.Close())
}

func message(c call) analytics.Message {
	switch c.Type {
	case "identify":
		return analytics.Identify{UserId: c.UserId, AnonymousId: c.AnonymousId, Traits: c.Traits, Timestamp: c.Timestamp}
	case "group":
		return analytics.Group{UserId: c.UserId, AnonymousId: c.AnonymousId, GroupId: c.GroupId, Traits: c.Traits, Timestamp: c.Timestamp}
	case "page":
		return analytics.Page{UserId: c.UserId, AnonymousId: c.AnonymousId, Name: c.Name, Properties: c.Properties, Timestamp: c.Timestamp}
	case "screen":
		return analytics.Screen{UserId: c.UserId, AnonymousId: c.AnonymousId, Name: c.Name, Properties: c.Properties, Timestamp: c.Timestamp}
	case "track":
		return analytics.Track{UserId: c.UserId, AnonymousId: c.AnonymousId, Event: c.Event, Properties: c.Properties, Timestamp: c.Timestamp}
	case "alias":
		return analytics.Alias{UserId: c.UserId, PreviousId: c.PreviousId, Timestamp: c.Timestamp}
	}
	panic("no call named " + c.Type)
}

func check(err error) {
	if err != nil {
		panic(err)
	}
}
