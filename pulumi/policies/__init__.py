# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Rules that every stack on Kubernetes must keep, as plain functions and as a policy pack of Pulumi."""
