"""What the numbers of :func:`~lpc_scratch.metrics.features.measure_features` mean, and who says so.

C classes, D coordinates; mu_c the class means, M their matrix about their mean, Σ_W and Σ_B the
covariances within and between classes (means over classes), v_c the variance of class c, u_c the
direction of M_c, W the classifier with columns w_c.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Definition:
    """A number, in words.

    Attributes
    ----------
    name, label : in files, and in headings
    formula : what is computed
    unit : "1" where there is none
    range : from where to where
    collapsed : what it is under complete collapse; "-" where collapse does not decide it
    source : who defined it
    """

    name: str
    label: str
    formula: str
    unit: str
    range: str
    collapsed: str
    source: str


_TEXT = """
nc1 | NC1 (SVD) | tr(Σ_W Σ_B⁺)/C along the singular vectors of M | 1 | 0 to ∞ | 0 | \
Papyan et al. 2020; Han et al. 2022
nc1_pinv | NC1 (pseudo-inverse) | the same with the pseudo-inverse of the matrix Σ_B, without its \
eigenvalues below D ε times the largest | 1 | 0 to ∞ | 0 | Papyan et al. 2020
nc1_quotient | NC1 (quotient) | tr Σ_W / tr Σ_B | 1 | 0 to ∞ | 0 | Tirer et al. 2023
cdnv | CDNV | mean over pairs of (v_i + v_j) / (2 ‖mu_i − mu_j‖²) | 1 | 0 to ∞ | 0 | \
Galanti et al. 2022
equinorm | NC2 equal norms | std / mean of ‖M_c‖ | 1 | 0 to √(C − 1) | 0 | Papyan et al. 2020
equiangular | NC2 equal angles | std over pairs of cos(M_i, M_j) | 1 | 0 to 1 | 0 | \
Papyan et al. 2020
max_angle | NC2 largest angles | mean over pairs of abs(cos(M_i, M_j) + 1/(C − 1)) | 1 | 0 to 2 | \
0 | Papyan et al. 2020
etf_distance | NC2 ETF distance | Frobenius distance of M Mᵀ, of norm 1, to a simplex ETF | 1 | \
0 to √2 | 0 | Zhu et al. 2021
gnc2_distance | GNC2 distances | variance over pairs of ‖u_i − u_j‖ | 1 | 0 to 1 | 0 | \
Liu et al. 2023
gnc2_log | GNC2 log kernel | mean over pairs of log(1/‖u_i − u_j‖) | nats | −log 2 to ∞ | \
least of all; −log(2 C/(C − 1))/2 for a simplex | Liu et al. 2023
gnc2_log_variance | GNC2 log kernel, variance | variance over pairs of the same | nats² | 0 to ∞ | \
0 | Liu et al. 2023
gnc2_riesz | GNC2 Riesz kernel | mean over pairs of 1/‖u_i − u_j‖ | 1 | 1/2 to ∞ | \
least of all; √((C − 1)/(2 C)) for a simplex | Liu et al. 2023, with s = 1
nc3 | NC3 | ‖W/‖W‖ − Mᵀ/‖M‖‖² (Frobenius) | 1 | 0 to 4 | 0 | Papyan et al. 2020
nc3_structure | NC3 structure | Frobenius distance of (M W)ᵀ, of norm 1, to a simplex ETF | 1 | \
0 to 2 | 0 | Zhu et al. 2021
nc3_cosine | NC3 cosine | mean over classes of cos(w_c, M_c) | 1 | −1 to 1 | 1 | Papyan et al. 2020
nc3_uniform | NC3 uniform | std over classes of cos(w_c, M_c) | 1 | 0 to 1 | 0 | \
Wu and Papyan 2024
nc0 | NC0 | K ‖mean of the w_k‖² / ‖W‖² | 1 | 0 to 1 | 0 | this package
nc4 | NC4 | share of samples predicted as another class than that of the nearest mean | share | \
0 to 1 | 0 | Papyan et al. 2020
nc5 | NC5 | mean over classes of abs(cos(mu_c, mean of unknown inputs)) | 1 | 0 to 1 | 0 | \
Ben Ammar et al. 2024
accuracy | accuracy | share of samples predicted rightly | share | 0 to 1 | - | -
nearest_mean_accuracy | nearest mean accuracy | share of samples nearest to the mean of their \
class | share | 0 to 1 | 1 | Papyan et al. 2020
sign_purity | same sign | mean over classes and coordinates of max(p, 1 − p), p the share above \
the origin | share | 1/2 to 1 | 1 | arXiv 2310.08224
same_code | same code | mean over classes of the share with exactly the signs of the class mean | \
share | 0 to 1 | 1 | this package
distinct_codes | distinct codes | different codes of the classes | number | 1 to C | C | \
this package
code_distance | code distance | mean over pairs of classes of the Hamming distance / D | share | \
0 to C/(2 (C − 1)) | C/(2 (C − 1)) for a simplex | this package
code_spread | spread of the code distance | its std over pairs | share | 0 to 1/2 | 0 | \
this package
kurtosis | kurtosis | Σx⁴ n / (Σx²)² of the n entries of the class means | 1 | 1 to C D | \
1 if binary | this package
kurtosis_rotated | kurtosis in a random basis | the same in a random basis | 1 | 1 to C D | - | \
this package
gmm_score | GMM score | mean log-likelihood of two Gaussians in each coordinate | nats | \
about −1.42 to ∞ | ∞ if binary | arXiv 2310.08224
gmm_sigma | GMM sigma | mean width of the two Gaussians | standard deviations | 0 to 1 | \
0 if binary | arXiv 2310.08224
peak_distance | peak distance | distance of the two Gaussians in their mean width | 1 | 0 to ∞ | \
∞ if binary | arXiv 2310.08224
two_values | two values | share of the variance of a coordinate within two groups | share | \
0 to 1 | 0 if binary | this package
latent_norm | mean norm | mean ‖z‖ | that of the features | 0 to ∞ | - | -
latent_entropy | entropy | of Kozachenko and Leonenko, third neighbour | nats | −∞ to ∞ | −∞ | \
Kraskov et al. 2004
"""

DEFINITIONS = tuple(
    Definition(*(cell.strip() for cell in line.split(" | "))) for line in _TEXT.strip().splitlines()
)
"""All numbers, in the order in which they are shown."""
