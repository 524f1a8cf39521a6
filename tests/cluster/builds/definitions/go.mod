// Definitions of the objects of Istio and of cert-manager, as files of their own modules.
module mojaloop.onboarding/tests/definitions

go 1.26

tool istio.io/api/networking/v1

require (
	github.com/cert-manager/cert-manager v1.21.2 // indirect
	github.com/golang/protobuf v1.5.4 // indirect
	google.golang.org/genproto/googleapis/api v0.0.0-20251213004720-97cd9d5aeac2 // indirect
	google.golang.org/protobuf v1.36.11 // indirect
	istio.io/api v1.31.1 // indirect
)
