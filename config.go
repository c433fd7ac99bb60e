package main

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"time"

	"github.com/barrage-live/barrage/gateway/rest"
	"github.com/barrage-live/barrage/internal/conf"
	"github.com/barrage-live/barrage/internal/fault"
	"github.com/barrage-live/barrage/internal/logbound"
)

// Config is every setting of the platform. Only this package knows all of them; each floor is handed its
// own part.
type Config struct {
	HTTP   string `default:":8080" format:"addr" doc:"address of the API, the pages, playback and the sockets"`
	HTTPS  string `format:"addr" allow:"empty" doc:"address of the same over TLS; empty turns it off; needs tls.cert and tls.key"`
	Admin  string `default:"127.0.0.1:9090" format:"addr" doc:"private address of metrics, health and profiles"`
	RTMP   string `default:":1935" format:"addr" allow:"empty" doc:"address of RTMP ingest; empty turns it off"`
	RTMPS  string `format:"addr" allow:"empty" doc:"address of RTMP ingest over TLS; empty turns it off; needs tls.cert and tls.key"`
	Data   string `default:"./data" doc:"folder of everything that lasts, with every minute that was broadcast; one process at a time"`
	Public string `allow:"empty" doc:"URL that viewers reach the HTTP address by, such as https://live.example.org; empty: what the request says"`

	TLS     TLS
	Log     Log
	Limits  Limits
	Live    Live
	Room    Room
	Account Account
	Storage Storage
	Cluster Cluster
	Stop    Stop
}

// TLS is the certificate for the listeners that need one.
type TLS struct {
	Cert string `allow:"empty" doc:"file with the certificate chain in PEM"`
	Key  string `allow:"empty" doc:"file with the private key in PEM"`
}

// Log shapes the log on standard error.
type Log struct {
	Level  string `default:"info" oneof:"debug info warn error" doc:"the least that is logged"`
	Format string `default:"text" oneof:"text json" doc:"text for people, json for machines"`
}

// Limits bound what strangers can take.
type Limits struct {
	Connections   int           `default:"0" doc:"HTTP connections and sockets at once; 0: what the open-file limit allows"`
	Address       int           `default:"0" min:"0" doc:"connections of one address at once, and four times as many of its network; 0: a share of what is free"`
	HTTP          int           `default:"1000" min:"10" doc:"HTTP requests of one address per second, after a burst of ten times as many, and four times as many of its network; five of playback count as one, and headers of more than 4 KiB as one more for each KiB"`
	Handshakes    int           `default:"50" min:"1" doc:"socket handshakes per second of one address, after a burst of four times as many; connections of any kind four times as many per second, after a burst of forty times as many"`
	Requests      int           `default:"1000" min:"100" doc:"what sockets of one address may ask for per second, in the units of the socket protocol, after a burst of ten times as much"`
	Reads         int           `default:"500" min:"10" doc:"what one address may ask for per second of what everybody may read over the API, in units of 0.1 ms (a channel 1, the list of 50 channels 6), after a burst of ten times as much, and four times as much for its network; one account a tenth as much of its own"`
	Writes        int           `default:"2" min:"1" doc:"changes that one account may ask for over the API per second, after a burst of thirty times as many; one address sixteen times as many, and its network four times as many as that"`
	Registrations int           `default:"20" min:"1" doc:"registrations of one address in limits.window, and four times as many of its network"`
	Logins        int           `default:"20" min:"1" doc:"login attempts in limits.window: so many at one account from one address; five times as many from one address, and its network four times that; five times as many at one account from addresses that are new to it, then one every 10 s"`
	Window        time.Duration `default:"10m" min:"1s" max:"720h" doc:"the window of limits.registrations and limits.logins"`
	Origins       []string      `doc:"origins besides our own whose pages may open sockets and call the API"`
	Proxies       []string      `doc:"networks whose X-Forwarded-For is believed, such as 10.0.0.0/8"`
}

// Live shapes ingest and playback.
type Live struct {
	Grace      time.Duration `default:"30s" min:"1s" max:"10m" doc:"how long a channel waits for its publisher to come back before the broadcast ends"`
	DVR        time.Duration `default:"30m" min:"30s" max:"24h" doc:"how far back viewers can seek"`
	Part       time.Duration `default:"500ms" doc:"length of the parts that viewers get of a segment, 200ms or 500ms; shorter ones show the picture up to a second sooner and cost two and a half times as many requests"`
	Publishers int           `default:"1000" min:"1" doc:"RTMP publishers at once"`
	MaxBitrate int           `default:"60000000" min:"100000" doc:"bits per second of one publisher, on average after a burst of four seconds, each message counted as 256 bytes more than it has; whoever sends more is refused"`
	Retention  time.Duration `default:"0s" min:"0s" doc:"how long a broadcast stays recorded after it has ended; 0s: for ever"`
	Quota      conf.Size     `default:"0B" doc:"bytes of recordings a channel has: the oldest broadcasts that have ended go first; 0B: any number"`
	Reserve    conf.Size     `default:"0B" doc:"bytes of the disk that stay free: with less nothing is recorded, and live goes on; 0B: the larger of 5 % and 5 GB"`
	KeyOverlap time.Duration `default:"10m" min:"1s" max:"24h" doc:"how long older stream keys stay valid after a new one was made"`
}

// What parts may last. Segments are whole seconds, and players and caches were tried with these.
const shortPart, longPart = 200 * time.Millisecond, 500 * time.Millisecond

// Room shapes the rooms.
type Room struct {
	Retention time.Duration `default:"720h" min:"1h" doc:"how long danmaku are kept"`
	Writes    int           `default:"100000" min:"100" doc:"socket writes per second a room may cause on one node before its tick lengthens"`
	Posts     int           `default:"10" min:"1" max:"1000" doc:"danmaku per second one user may post to a room, on average"`
	Burst     int           `default:"30" min:"1" max:"10000" doc:"danmaku one user may post to a room at once after a silence"`
}

// Account shapes logins.
type Account struct {
	Token time.Duration `default:"15m" min:"1m" max:"24h" doc:"life of an access token"`
	Idle  time.Duration `default:"720h" min:"1h" doc:"a login that was not used for so long ends"`
}

// Storage shapes the embedded engine.
type Storage struct {
	Cache conf.Size `default:"256MiB" min:"1MiB" doc:"memory of the table engine's block cache"`
}

// Cluster shapes how actors are run.
type Cluster struct {
	Encode bool `default:"false" doc:"encode what actors say to each other within the process, too, as between nodes; for tests"`
}

// Stop shapes the end of the process.
type Stop struct {
	Timeout time.Duration `default:"30s" min:"1s" max:"10m" doc:"how long a graceful stop may take"`
}

// Validate reports settings that do not fit together.
func (c Config) Validate() error {
	for _, face := range []struct{ name, addr string }{{"https", c.HTTPS}, {"rtmps", c.RTMPS}} {
		if face.addr != "" && (c.TLS.Cert == "" || c.TLS.Key == "") {
			return fault.Newf(fault.Invalid, "no_certificate", "%s needs tls.cert and tls.key", face.name).In(face.name)
		}
	}
	if c.HTTPS == "" && c.RTMPS == "" && (c.TLS.Cert != "" || c.TLS.Key != "") {
		return fault.New(fault.Invalid, "unused_certificate", "only https and rtmps use a certificate, and both are off").In("tls.cert")
	}
	if c.Live.Part != shortPart && c.Live.Part != longPart {
		return fault.Newf(fault.Invalid, "bad_part", "parts last %v or %v, not %v", shortPart, longPart, c.Live.Part).In("live.part")
	}
	if _, err := prefixes(c.Limits.Proxies); err != nil {
		return err
	}
	return rest.Config{Public: c.Public, Origins: c.Limits.Origins}.Validate() //nolint:wrapcheck // a fault that names the setting
}

// foreign are variables of the build and the tests that carry our prefix without being settings.
var foreign = []string{"BARRAGE_BINARY", "BARRAGE_VULNDB", "BARRAGE_KILL_CYCLES", "BARRAGE_KILL_HISTORY", "BARRAGE_RESTART_CYCLES", "BARRAGE_EDIT_KILLS", "BARRAGE_SHOTS", "BARRAGE_BARS"}

func load(args, environ []string) (Config, conf.Origins, error) {
	var cfg Config
	origins, err := conf.Explain(&cfg, conf.Sources{Args: args, Environ: environ, Reserved: foreign})
	return cfg, origins, err
}

// withConfig loads the settings and goes on with them, or prints what the command is about when help was
// asked for.
func withConfig(about string, args, environ []string, stdout io.Writer, next func(Config) error) error {
	cfg, _, err := load(args, environ)
	if errors.Is(err, conf.ErrHelp) {
		return help(stdout, about)
	}
	if err != nil {
		return err
	}
	return next(cfg)
}

func help(stdout io.Writer, about string) error {
	fmt.Fprint(stdout, about, "\nSettings: flag, environment variable, default, meaning\n\n")
	return conf.Usage(stdout, new(Config)) //nolint:wrapcheck // of the writer
}

func printConfig(args, environ []string, stdout io.Writer) error {
	return withConfig(aboutConfig, args, environ, stdout, func(cfg Config) error {
		_, origins, err := load(args, environ)
		if err != nil {
			return err
		}
		return conf.Print(stdout, &cfg, origins)
	})
}

// logger writes to w as the settings say.
func (l Log) logger(w io.Writer) *slog.Logger {
	var level slog.Level
	_ = level.UnmarshalText([]byte(l.Level)) // conf has checked the word
	options := &slog.HandlerOptions{Level: level}
	var lines slog.Handler = slog.NewTextHandler(w, options)
	if l.Format == "json" {
		lines = slog.NewJSONHandler(w, options)
	}
	if level == slog.LevelDebug { // whoever looks so closely wants to see everything
		return slog.New(lines)
	}
	return slog.New(logbound.New(lines, logbound.Config{Apart: "route"}))
}
