package gateway_test

import (
	"errors"

	"github.com/barrage-live/barrage/internal/wire/wireclient"
)

func asRefused(err error, r **wireclient.Refused) bool { return errors.As(err, r) }
