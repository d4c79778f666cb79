"""What an identity policy lets its holder do that it should not, without constraints.

Access levels come from the verb an action begins with. Source: AWS Service Authorization
Reference (its levels follow these verbs nearly everywhere); privilege escalation paths from
Rhino Security Labs, "AWS IAM Privilege Escalation - Methods and Mitigation".
"""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Iterable

from jobforge.autopilots.ops.iac.policy import Statement

_READ_VERBS = re.compile(
    r"^(?:get|list|describe|batchget|lookup|search|query|scan|view|head|check|test|validate|select|"
    r"preview|simulate|estimate|download|read|discover|filter|poll|receive|generatecredentialreport)",
    re.IGNORECASE,
)
_PERMISSION_NAMES = re.compile(
    r"policy$|policies$|policyversion$|permission$|permissions$|acl$|grant$|loginprofile$|accesskey$|"
    r"passrole$|assumerolepolicy$|publicaccessblock$|usertogroup$|servicelinkedrole$",
    re.IGNORECASE,
)
_UNRESTRICTABLE = frozenset({
    "cloudwatch:putmetricdata", "sts:getcalleridentity", "ecr:getauthorizationtoken",
    "logs:describeloggroups", "s3:listallmybuckets", "xray:puttracesegments",
    "xray:puttelemetryrecords", "kms:listkeys", "kms:listaliases", "cloudwatch:getmetricdata",
    "cloudwatch:getmetricstatistics", "cloudwatch:listmetrics", "tag:getresources",
    "ssm:describeparameters", "ce:getcostandusage", "pricing:getproducts", "sqs:listqueues",
    "s3:getaccountpublicaccessblock", "ssmmessages:createcontrolchannel",
    "ssmmessages:createdatachannel", "ssmmessages:opencontrolchannel",
    "ssmmessages:opendatachannel", "iam:listroles", "iam:listusers", "iam:listpolicies",
})  # fmt: skip
_DESCRIBES_ALL = re.compile(r"^(?:ec2|autoscaling|elasticloadbalancing|rds):describe\w+$")

CREDENTIALS = (
    "chime:CreateApiKey", "codepipeline:PollForJobs", "cognito-identity:GetOpenIdToken",
    "cognito-identity:GetOpenIdTokenForDeveloperIdentity",
    "cognito-identity:GetCredentialsForIdentity", "connect:GetFederationToken",
    "ec2:GetPasswordData", "gamelift:RequestUploadCredentials", "iam:CreateAccessKey",
    "iam:CreateLoginProfile", "iam:CreateServiceSpecificCredential",
    "iam:ResetServiceSpecificCredential", "iam:UpdateAccessKey",
    "lightsail:GetInstanceAccessDetails",
    "lightsail:GetRelationalDatabaseMasterUserPassword", "rds-db:connect",
    "redshift:GetClusterCredentials", "sso:GetRoleCredentials",
    "mediapackage:RotateChannelCredentials",
    "mediapackage:RotateIngestEndpointCredentials", "sts:AssumeRole", "sts:AssumeRoleWithSAML",
    "sts:AssumeRoleWithWebIdentity", "sts:GetFederationToken", "sts:GetSessionToken",
)  # fmt: skip
EXFILTRATION = (
    "s3:GetObject", "ssm:GetParameter", "ssm:GetParameters", "ssm:GetParametersByPath",
    "secretsmanager:GetSecretValue",
)  # fmt: skip
ESCALATIONS: tuple[tuple[str, ...], ...] = (
    ("iam:CreateAccessKey",), ("iam:CreateLoginProfile",), ("iam:UpdateLoginProfile",),
    ("iam:CreatePolicyVersion",), ("iam:SetDefaultPolicyVersion",), ("iam:AttachUserPolicy",),
    ("iam:AttachGroupPolicy",), ("iam:AttachRolePolicy", "sts:AssumeRole"),
    ("iam:PutUserPolicy",), ("iam:PutGroupPolicy",), ("iam:PutRolePolicy", "sts:AssumeRole"),
    ("iam:AddUserToGroup",), ("iam:UpdateAssumeRolePolicy", "sts:AssumeRole"),
    ("iam:PassRole", "lambda:CreateFunction", "lambda:InvokeFunction"),
    ("iam:PassRole", "lambda:CreateFunction", "lambda:CreateEventSourceMapping"),
    ("lambda:UpdateFunctionCode",), ("iam:PassRole", "ec2:RunInstances"),
    ("iam:PassRole", "glue:CreateDevEndpoint"), ("glue:UpdateDevEndpoint",),
    ("iam:PassRole", "cloudformation:CreateStack"),
    ("iam:PassRole", "datapipeline:CreatePipeline", "datapipeline:PutPipelineDefinition"),
    ("iam:PassRole", "codestar:CreateProject"), ("codestar:AssociateTeamMember",),
)  # fmt: skip


_PERMISSION_ACTIONS = frozenset({
    "iam:attachuserpolicy", "iam:attachrolepolicy", "iam:attachgrouppolicy", "iam:putuserpolicy",
    "iam:putrolepolicy", "iam:putgrouppolicy", "iam:createpolicyversion", "iam:createaccesskey",
    "iam:createloginprofile", "iam:updateloginprofile", "iam:passrole", "iam:createrole",
    "iam:createuser", "iam:createpolicy", "iam:detachrolepolicy", "iam:deleterolepolicy",
    "iam:updateassumerolepolicy", "iam:addusertogroup", "iam:setdefaultpolicyversion",
    "s3:putbucketpolicy", "s3:putbucketacl", "s3:putobjectacl", "s3:deletebucketpolicy",
    "s3:putbucketpublicaccessblock", "s3:putaccesspointpolicy", "sns:addpermission",
    "sns:removepermission", "sqs:addpermission", "sqs:removepermission", "lambda:addpermission",
    "lambda:removepermission", "lambda:addlayerversionpermission", "kms:creategrant",
    "kms:putkeypolicy", "kms:revokegrant", "kms:retiregrant", "ecr:setrepositorypolicy",
    "ecr:deleterepositorypolicy", "ec2:createnetworkinterfacepermission",
    "ec2:modifyvpcendpointservicepermissions", "ec2:modifysnapshotattribute",
    "glacier:setvaultaccesspolicy", "secretsmanager:putresourcepolicy",
    "elasticfilesystem:putfilesystempolicy", "rds:authorizedbsecuritygroupingress",
    "rds-db:connect", "codebuild:putresourcepolicy", "events:putpermission",
    "backup:putbackupvaultaccesspolicy", "redshift:authorizesnapshotaccess",
    "redshift:getclustercredentials", "sso:attachmanagedpolicytopermissionset",
    "organizations:attachpolicy", "ram:createresourceshare",
})  # fmt: skip


def unconstrained(statements: Iterable[Statement]) -> list[Statement]:
    """The statements that allow something on every resource, with no condition."""
    return [s for s in statements if s.allows and "*" in s.resources and not s.has_condition]


def _verb(action: str) -> str:
    return action.partition(":")[2] or action


def is_permission_management(action: str) -> bool:
    """Whether the action changes who may do what; a whole service's wildcard counts."""
    if "*" in action:
        pattern = action.lower()
        return any(fnmatch.fnmatchcase(known, pattern) for known in _PERMISSION_ACTIONS)
    verb = _verb(action)
    named = bool(_PERMISSION_NAMES.search(verb)) and not _READ_VERBS.match(verb)
    return named or action.lower() in _PERMISSION_ACTIONS


def is_write(action: str) -> bool:
    """Whether the action changes something; a whole service's wildcard counts.

    IAM's actions are left out: they change permissions, which is a check of its own.
    """
    verb = _verb(action)
    lower = action.lower()
    if lower.startswith("iam:") or verb.lower().startswith(
        ("createtags", "tag", "untag", "deletetags")
    ):
        return False
    if "*" not in action and is_permission_management(action):
        return False
    return not _READ_VERBS.match(verb) and not _is_unrestrictable(action)


def _is_unrestrictable(action: str) -> bool:
    lower = action.lower()
    return lower in _UNRESTRICTABLE or bool(_DESCRIBES_ALL.match(lower))


def is_restrictable(action: str) -> bool:
    """Whether the action could be limited to single resources."""
    return not _is_unrestrictable(action)


def first_risk(statements: Iterable[Statement], risky: Iterable[str]) -> str | None:
    """The first of `risky` that an unconstrained statement allows."""
    open_statements = unconstrained(statements)
    return next((a for a in risky if any(s.matches_action(a) for s in open_statements)), None)


def escalation(statements: Iterable[Statement]) -> tuple[str, ...] | None:
    """A set of actions, all allowed, by which the holder can make himself an administrator."""
    allowing = unconstrained(statements)
    for path in ESCALATIONS:
        if all(any(s.matches_action(action) for s in allowing) for action in path):
            return path
    return None
