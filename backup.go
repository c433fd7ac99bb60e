package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/barrage-live/barrage/cluster/coordination/localstore"
	"github.com/barrage-live/barrage/internal/auth"
	"github.com/barrage-live/barrage/internal/fault"
	"github.com/barrage-live/barrage/internal/problem"
	"github.com/barrage-live/barrage/storage/table/pebbletable"
)

// backupLimit bounds the request for a backup, which is a path.
const backupLimit = 16 << 10

// backupOrder is what the command asks of the server, in JSON.
type backupOrder struct {
	Dir string `json:"dir"`
}

// backup is the command line's way to a copy of everything but the objects, made by the running server.
func backup(ctx context.Context, args, environ []string, stdout, stderr io.Writer) error {
	if slices.Contains(args, "--help") || slices.Contains(args, "-h") {
		return help(stdout, aboutBackup)
	}
	if len(args) == 0 || args[0] == "" || strings.HasPrefix(args[0], "-") {
		fmt.Fprint(stderr, aboutBackup)
		return errMisused
	}
	return withConfig(aboutBackup, args[1:], environ, stdout, func(cfg Config) error {
		dir, err := filepath.Abs(args[0])
		if err != nil {
			return err
		}
		if err := order(ctx, cfg.Admin, dir); err != nil {
			return fmt.Errorf("backup: %w", err)
		}
		fmt.Fprintln(stdout, dir)
		return nil
	})
}

// order asks the server behind the admin address for a backup and waits until it is made.
func order(ctx context.Context, admin, dir string) error {
	body, err := json.Marshal(backupOrder{dir})
	if err != nil {
		return err
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+loopback(admin)+"/backup", bytes.NewReader(body))
	if err != nil {
		return err
	}
	r.Header.Set("Content-Type", "application/json")
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		return fmt.Errorf("is the server running? %w", err)
	}
	defer answer.Body.Close()
	if answer.StatusCode == http.StatusNoContent {
		return nil
	}
	var refused problem.Problem
	if err := json.NewDecoder(io.LimitReader(answer.Body, backupLimit)).Decode(&refused); err != nil || refused.Code == "" {
		return fmt.Errorf("the server at %s answered %s", admin, answer.Status)
	}
	return &refused
}

// serveBackup answers the command. A web page cannot ask for it: the type of the body makes a browser ask
// first, and nobody says yes.
func (p *platform) serveBackup(w http.ResponseWriter, r *http.Request) {
	var o backupOrder
	decoder := json.NewDecoder(http.MaxBytesReader(w, r.Body, backupLimit))
	decoder.DisallowUnknownFields()
	if r.Header.Get("Content-Type") != "application/json" || decoder.Decode(&o) != nil {
		problem.Of(fault.New(fault.Invalid, "bad_backup", "a backup is asked for in JSON, with a directory")).Write(w)
		return
	}
	begin := time.Now()
	if err := p.backUp(r.Context(), o.Dir); err != nil {
		p.log.Warn("backup failed", slog.String("dir", o.Dir), slog.Any("error", err))
		problem.Of(err).Write(w)
		return
	}
	p.log.Info("backup made", slog.String("dir", o.Dir), slog.Duration("took", time.Since(begin)))
	w.WriteHeader(http.StatusNoContent)
}

// backUp makes a data folder of its own that a server can be started on: the tables as they are now, the
// epoch among them, and the keys of the tokens. It leaves nothing behind when it fails.
func (p *platform) backUp(ctx context.Context, dir string) error {
	data, err := filepath.Abs(p.cfg.Data)
	if err != nil {
		return err
	}
	if inside, err := filepath.Rel(data, dir); !filepath.IsAbs(dir) || err == nil && filepath.IsLocal(inside) {
		return fault.New(fault.Invalid, "bad_backup", "a backup goes to an absolute path outside of the data folder").In("dir")
	}
	if err := os.MkdirAll(filepath.Dir(dir), 0o755); err != nil {
		return unwritable(err)
	}
	if err := os.Mkdir(dir, 0o700); errors.Is(err, os.ErrExist) {
		return fault.New(fault.Conflict, "backup_exists", "there is something in the place of the backup").In("dir")
	} else if err != nil {
		return unwritable(err)
	}
	err = p.engine.Checkpoint(ctx, filepath.Join(dir, "tables"))
	if err == nil {
		err = copyKeys(keysOf(data), keysOf(dir))
	}
	if err != nil {
		return errors.Join(err, os.RemoveAll(dir))
	}
	return nil
}

func unwritable(cause error) error {
	return fault.Wrap(fault.Unavailable, "backup_unwritable", "the directory of the backup cannot be made", cause)
}

// keysOf is where the keys of the tokens lie in a data folder.
func keysOf(data string) auth.KeyFile {
	return auth.KeyFile{Path: filepath.Join(data, "keys", "tokens")}
}

func copyKeys(from, to auth.KeyFile) error {
	secret, err := from.Load()
	if err != nil || secret == nil {
		return err
	}
	return to.Save(secret)
}

// verify is the command line's way to be sure of the tables of a stopped server, or of a backup.
func verify(ctx context.Context, args, environ []string, stdout io.Writer) error {
	return withConfig(aboutVerify, args, environ, stdout, func(cfg Config) error {
		counts, err := pebbletable.Verify(ctx, pebbletable.Config{Dir: filepath.Join(cfg.Data, "tables"), CacheBytes: int64(cfg.Storage.Cache)})
		if err != nil {
			return fmt.Errorf("data folder %s: %w", cfg.Data, err)
		}
		fmt.Fprintf(stdout, "%-24s %12s %12s %12s %14s\n", "table", "partitions", "rows", "fences", "bytes")
		for _, name := range slices.Sorted(maps.Keys(counts)) {
			c := counts[name]
			fmt.Fprintf(stdout, "%-24s %12d %12d %12d %14d\n", name, c.Partitions, c.Rows, c.Fences, c.Bytes)
		}
		if len(counts) > 0 && counts[localstore.TableName].Rows == 0 {
			return fmt.Errorf("data folder %s: the tables hold data but no epoch; they are not whole", cfg.Data)
		}
		return nil
	})
}
