{{/* The Service of a bundled server, which is one pod with a name of its own:
     (list . "postgres" (dict "port-name" number)). */}}
{{- define "lathe.store.service" -}}
apiVersion: v1
kind: Service
metadata:
  {{- include "lathe.metadata" . | nindent 2 }}
spec:
  clusterIP: None
  publishNotReadyAddresses: true  # it also finds itself by this name, before it is ready
  selector:
    {{- include "lathe.selector" . | nindent 4 }}
  ports:
    {{- range $name, $port := index . 2 }}
    - {name: {{ $name }}, port: {{ $port }}, targetPort: {{ $name }}}
    {{- end }}
{{- end }}

{{/* Its volume: (list . "postgres"). */}}
{{- define "lathe.store.claim" -}}
{{- $store := index (index . 0).Values (index . 1) -}}
volumeClaimTemplates:
  - metadata:
      name: data
    spec:
      accessModes: [ReadWriteOnce]
      {{- with $store.storageClass }}
      storageClassName: {{ . }}
      {{- end }}
      resources:
        requests: {storage: {{ $store.storage }}}
{{- end }}
