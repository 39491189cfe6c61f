{{- define "impresario.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 52 | trimSuffix "-" }}
{{- end }}

{{- /* At most 52 characters: the names of pods and of their volumes are longer. */}}
{{- define "impresario.fullname" -}}
{{- if .Values.fullnameOverride }}
{{- .Values.fullnameOverride | trunc 52 | trimSuffix "-" }}
{{- else if contains (include "impresario.name" .) .Release.Name }}
{{- .Release.Name | trunc 52 | trimSuffix "-" }}
{{- else }}
{{- printf "%s-%s" .Release.Name (include "impresario.name" .) | trunc 52 | trimSuffix "-" }}
{{- end }}
{{- end }}

{{- define "impresario.selector" -}}
app.kubernetes.io/name: {{ include "impresario.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "impresario.labels" -}}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version }}
{{ include "impresario.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- end }}

{{- define "impresario.serviceAccount" -}}
{{- if .Values.serviceAccount.create }}
{{- default (include "impresario.fullname" .) .Values.serviceAccount.name }}
{{- else }}
{{- default "default" .Values.serviceAccount.name }}
{{- end }}
{{- end }}

{{- /* The name behind which all nodes are, ready or not. */}}
{{- define "impresario.peers" -}}
{{- printf "%s-peers.%s.svc.%s" (include "impresario.fullname" .) .Release.Namespace .Values.cluster.domain }}
{{- end }}
