# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Components of the environments that the programs ``hub`` and ``dfsp`` describe on Kubernetes."""
